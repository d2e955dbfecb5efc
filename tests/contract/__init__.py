"""What Alternator does, fact by fact: asked of the stand-in and of any real server."""
