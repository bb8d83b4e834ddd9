"""The finance section: plain views in the admin's frame, at /admin/finance/."""
