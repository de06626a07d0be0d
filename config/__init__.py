"""One typed `Settings`, built at the door and handed down."""
