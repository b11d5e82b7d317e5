"""The expectations that raw tables must meet before anything is computed from them (Great Expectations)."""
