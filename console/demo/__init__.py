"""`simline demo`: production in small. Simulated carriers, a watched folder and the same flows, all in one folder."""
