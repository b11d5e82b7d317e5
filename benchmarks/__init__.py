"""Measurements of speed and scale on the machine that runs them; not shipped.

    python -m benchmarks.engine_speed     the engine beside XGBoost and scikit-learn; the whole forward selection
    python -m benchmarks.engine_scaling   how its cost grows with models, features, seeds and benchmarks
    python -m benchmarks.text_features    time and memory of the text features
    python -m benchmarks.serving_load     a served predictor under load

`make bench` runs the first three. Only figures of one run are comparable: another machine, or another hour on a busy
one, has others.
"""
