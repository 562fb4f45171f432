"""What measures is tested like everything else."""
