"""Teachers' predictions as files: recorded once, taught from ever after."""
