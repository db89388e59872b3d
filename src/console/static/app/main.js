document.title = 'Callboard';
