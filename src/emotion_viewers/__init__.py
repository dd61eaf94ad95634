"""Optional viewers, bound to packages that move fast: the page in the browser, and Foxglove."""
