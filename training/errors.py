"""The one exception for what a user can cause and mend."""


class TrainingError(Exception):
    """Wrong input, file or option; the message is one sentence that says what to do."""
