"""Which worker does what next, and what came back. Called by the engine; it knows neither jobs nor outputs."""
