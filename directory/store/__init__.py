"""Every statement on the directory's tables; only the services of directory use it."""
