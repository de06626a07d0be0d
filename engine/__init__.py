"""The work itself, without Prefect. The command line, the tests and the tasks all call these functions."""
