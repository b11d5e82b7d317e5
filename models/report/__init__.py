"""What people look at: tables, figures and words about the predictors."""
