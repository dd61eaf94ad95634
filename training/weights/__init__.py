"""Starting weights, and networks rewritten without a change of their predictions."""
