"""One thin script per DVC stage: inputs through their schema, one pure function, outputs."""
