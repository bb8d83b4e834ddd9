"""What the builder of rules shows and asks, on campaigns' pages and wherever conditions are set up."""
