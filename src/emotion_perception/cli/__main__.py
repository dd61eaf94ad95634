"""`python -m emotion_perception.cli` is the command `emotion`."""

import sys

from emotion_perception.cli.main import main

sys.exit(main())
