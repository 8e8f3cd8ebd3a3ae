"""``rtcsplit demo``: a call through a relay process and a transceiver process, made by an independent client."""
