"""What our pages are made of: the shell with its content security policy, the look, the chart."""
