"""The C packet path, wrapped. Only modules of this package name ``ffi`` or ``lib``; above are plain Python values."""
