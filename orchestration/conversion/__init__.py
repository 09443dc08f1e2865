"""Who is about to convert: learned from the trials of the marts, judged, and scored each night."""
