"""The backtest: forecasts of models that were held out by time, by size, by family and at random, made with nothing
that was learnt from them, and what those forecasts were worth."""
