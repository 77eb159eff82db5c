//! Experiment files, run directories and the command line of LatentLab.
