"""How the embedded model was made: data, model, training, export. Not part of the installed package."""
