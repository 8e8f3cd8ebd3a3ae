"""How many round trips a call takes to begin, and what lost packets add; ``make bench-setup``."""
