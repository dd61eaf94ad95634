"""Teachers' answers as files: recorded once, taught from ever after."""
