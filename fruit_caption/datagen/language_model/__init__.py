"""Generation of captions, questions and answers with a KerasNLP language model."""
