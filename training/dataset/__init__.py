"""FER-2013 and the FER+ votes: read, explored, augmented, fed to the network."""
