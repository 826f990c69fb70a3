"""The lab's kubectl: a program of a lab machine that works on the cluster's own objects."""
