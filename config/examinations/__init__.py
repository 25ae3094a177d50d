"""What `manage.py doctor` looks at. Nothing here changes anything."""
