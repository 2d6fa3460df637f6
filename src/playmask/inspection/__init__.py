"""Looking into models: costs, attention maps, explanations, pictures."""
