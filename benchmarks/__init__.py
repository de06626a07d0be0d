"""Speed and memory, each against a reference in the same run, printed as ratios."""
