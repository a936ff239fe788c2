"""One module a kind of figure; each draws from a Summary and returns a list of style.Figure, empty
where the data has nothing to show."""
