from headgate_mock import headgate_gate, headgate_mock  # noqa: F401
