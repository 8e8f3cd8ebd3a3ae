"""The ``rtcsplit`` command: configuration, processes and their signals. Everything else is in the layers below."""
