"""What every platform shares: the decisions, the words, and who may do what."""
