"""From raw facts to feature tables: pure functions, and the schema that every table is held against."""
