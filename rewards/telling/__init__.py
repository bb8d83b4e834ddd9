"""What members, staff and partners are told: in words and in figures, about one member or one activity."""
