"""Files: written whole or not at all, found where they are installed, parsed within bounds."""
