"""Echo calls over real sockets: what a server process spends on each, rtcsplit beside aiortc."""
