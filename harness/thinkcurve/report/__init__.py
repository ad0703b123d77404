"""Reports: what was analysed, drawn. Figures as Vega-Lite specs, and the files they become."""
