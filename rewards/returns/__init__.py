"""What a return means, decided without a database: which goods came back, and whose points they gave."""
