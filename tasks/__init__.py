"""One engine step each as a Prefect task."""
