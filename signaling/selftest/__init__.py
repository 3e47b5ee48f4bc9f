"""The self-test: what is wrong with this installation, and how to mend it.

`service.run` does it all, for `server.py check` and for the page; each other file looks at one
part. Every finding has a stable code, under which the page has the same advice in Chinese.
"""
