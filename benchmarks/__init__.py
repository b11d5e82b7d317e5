"""Speed and scale, measured side by side on one machine; run by `make bench`, not shipped."""
