"""What users may set, declared once; every front end and the documentation are made from it."""
