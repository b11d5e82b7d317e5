"""The expectations that raw tables must meet before anything is computed from them (Great Expectations lives here
only). `run.py` checks them all; `suites.py` holds one suite per raw table, as functions."""
