"""A basket on its way to being paid: priced, with what the member wants to use for it set aside."""
