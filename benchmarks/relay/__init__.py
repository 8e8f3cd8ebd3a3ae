"""What a relay costs beside the kernel limit, a Go relay and an asyncio relay: ``python -m benchmarks.relay``."""
